// What browsers of 2020 to 2022 lack of what these pages and their libraries use: Chrome below 103, Safari below 16,
// Firefox below 100. The build puts this before everything else in each page's script.

declare global {
  interface ObjectConstructor {
    hasOwn(object: object, key: PropertyKey): boolean;
  }
  interface ReadonlyArray<T> {
    at(index: number): T | undefined;
  }
  interface Array<T> {
    at(index: number): T | undefined;
  }
}

/** Adds a missing function as the browser would have it: not listed among an object's own names. */
function add(target: object, name: string, value: unknown): void {
  if (!(name in target)) Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

add(Object, "hasOwn", (object: object, key: PropertyKey) => Object.getOwnPropertyDescriptor(object, key) !== undefined);

add(Array.prototype, "at", function at<T>(this: readonly T[], index: number): T | undefined {
  return this[index < 0 ? this.length + index : index];
});

// A worker has no elements.
if (typeof Element !== "undefined")
  add(Element.prototype, "replaceChildren", function replaceChildren(this: Element, ...nodes: (Node | string)[]): void {
    while (this.lastChild !== null) this.lastChild.remove();
    this.append(...nodes);
  });

add(AbortSignal, "timeout", (milliseconds: number): AbortSignal => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
});

export {};
