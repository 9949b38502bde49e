// The named refusals of a trustee's steps. The page has a sentence for each.

export type Refusal =
  | "not-a-key-file" // what was opened is no secret file
  | "passphrase-wrong"
  | "not-a-trustee-key" // it opens, and is another party's, or of another version
  | "another-referendum"
  | "other-referendum" // the log is another one than the number says
  | "no-trustee" // the key belongs to no trustee of this referendum
  | "not-verified" // the log is wrong, or could not be read
  | "out-of-turn" // the step cannot be taken now
  | "other-key-file" // what stands in the log under this trustee's name was made from another key file
  | "reveal-faulty" // a trustee revealed other points than it committed to: a new attempt is due
  | "dealer-faulty" // a share does not match what its dealer revealed: a complaint is due
  | "other-tree"; // this trustee has announced another tree, and never announces or decrypts a second one

export class TrusteeRefused extends Error {
  constructor(
    readonly code: Refusal,
    message: string = code,
    readonly trustee: number = 0,
  ) {
    super(message);
    this.name = "TrusteeRefused";
  }
}
