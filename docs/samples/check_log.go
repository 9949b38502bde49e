// Checks a published log with Go's sumdb packages alone: the log's signature, every entry, and the root.
// It prints the referendum id and whether the root is the signed one. Ballots, proofs and the count are not checked.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(problem any) {
	fmt.Fprintln(os.Stderr, "check_log:", problem)
	os.Exit(1)
}

func must[T any](value T, err error) T {
	if err != nil {
		fail(err)
	}
	return value
}

func read(path string) []byte { return must(os.ReadFile(os.Args[1] + "/" + path)) }

func main() {
	if len(os.Args) != 2 {
		fail("name the folder of an unpacked bundle")
	}
	verifier := must(note.NewVerifier(strings.TrimSpace(string(read("log.vkey")))))
	signed := must(note.Open(read("checkpoint"), note.VerifierList(verifier)))
	head := strings.Split(signed.Text, "\n")
	if len(head) != 4 || head[0] != verifier.Name() {
		fail("the checkpoint is not one of this log")
	}
	size := must(strconv.ParseInt(head[1], 10, 64))
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(places []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(places))
		for i, place := range places {
			found[i] = hashes[place]
		}
		return found, nil
	})
	for first := int64(0); first < size; first += 256 {
		width := size - first
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)}
		data := read(strings.Replace(tile.Path(), "8/data", "entries", 1))
		for n := first; n < first+width; n++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				fail("an entry bundle is too short")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			if n == 0 {
				fmt.Printf("referendum %x\n", sha256.Sum256(data[2:end]))
			}
			hashes = append(hashes, must(tlog.StoredHashes(n, data[2:end], stored))...)
			data = data[end:]
		}
		if len(data) > 0 {
			fail("an entry bundle is too long")
		}
	}
	root := must(tlog.TreeHash(size, stored))
	fmt.Println(size, "entries; the root is the signed one:", root.String() == head[2])
}
