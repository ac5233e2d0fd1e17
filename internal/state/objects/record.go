package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/orgsync/orgsync/internal/state"
)

// recordVersion is the version of the records that this package writes, and the highest that it reads.
const recordVersion = 1

// kind is the kind of a record.
type kind string

const (
	// kindLease begins a lease. The number of the record is also the number of the lease.
	kindLease kind = "lease"
	// kindLines has lines that the holder of a lease appended.
	kindLines kind = "lines"
	// kindRelease ends a lease.
	kindRelease kind = "release"
	// kindUnlock ends the lease of a run that is dead. A person has said so, see [Store.Unlock].
	kindUnlock kind = "unlock"
	// kindBase has all lines of the records up to its number, so that readers can skip these records.
	kindBase kind = "base"
)

// record is one object of the log, or a base. The object has a line of JSON, lines of the ledger, and a
// line with the checksum of everything before it.
type record struct {
	Version int  `json:"v"`
	Kind    kind `json:"kind"`
	Number  int  `json:"number"`
	// Lease is the number of the lease that the writer holds. In a base, it is the number of the last
	// lease before the base.
	Lease int `json:"lease"`
	// LeaseID is the id of that lease, for people.
	LeaseID string `json:"lease_id"`
	// Holder is the run that wrote the record.
	Holder state.Holder `json:"holder"`
	// Nonce makes the bytes of each record different from those of all other records.
	Nonce string `json:"nonce"`
	// TookOver is true in a lease if the lease before it was not released.
	TookOver bool `json:"took_over,omitempty"`
	// Ignored is the number of a damaged record just before this one, which readers skip; 0: none.
	Ignored int `json:"ignored,omitempty"`
	// Released is true in a base if no run held the lease when the base was made.
	Released bool `json:"released,omitempty"`
	// Takeovers, in a base, is logState.takeovers.
	Takeovers []int `json:"takeovers,omitempty"`

	lines blocks
}

// blocks are the lines of a ledger in several slices. A block may end in the middle of a line. A long run
// adds many lines: a single slice would be copied each time that it grows, and would need twice its size
// during the copy.
type blocks [][]byte

// blockSize is the minimum capacity of a new block in bytes.
const blockSize = 256 << 10

// add returns b with more at its end. As with append, the caller must not use b after that. The bytes in
// a clone of b do not change.
func (b blocks) add(more ...[]byte) blocks {
	for _, piece := range more {
		if len(piece) == 0 {
			continue
		}
		if last := b.last(); cap(last)-len(last) < len(piece) {
			b = append(b, make([]byte, 0, max(blockSize, len(piece))))
		}
		b[len(b)-1] = append(b[len(b)-1], piece...)
	}
	return b
}

// last returns the last block; nil if there is none.
func (b blocks) last() []byte {
	if len(b) == 0 {
		return nil
	}
	return b[len(b)-1]
}

// join returns b as one slice. It makes no copy if b has only one block.
func (b blocks) join() []byte {
	if len(b) == 1 {
		return slices.Clip(b[0])
	}
	return slices.Concat(b...)
}

// checksumPrefix begins the last line of a record.
const checksumPrefix = "#sha256 "

var errDamaged = errors.New("the checksum of the record is wrong")

// encode returns the object for r, in pieces. It does not copy the lines, because a base may have many.
func (r record) encode() [][]byte {
	head, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("record cannot be written as JSON: %v", err)) // only if a year is after 9999
	}
	head = append(head, '\n')
	pieces := append([][]byte{head}, r.lines...)
	var end []byte
	if last := r.lines.last(); len(last) > 0 && last[len(last)-1] != '\n' {
		end = append(end, '\n')
	}
	sum := sha256.New()
	for _, piece := range append(pieces, end) {
		sum.Write(piece)
	}
	end = append(end, checksumPrefix...)
	end = hex.AppendEncode(end, sum.Sum(nil))
	return append(pieces, append(end, '\n'))
}

// decodeRecord returns the record in an object. The error is errDamaged if the object is not a record
// with a valid checksum, and a *[state.Problem] if a later version of orgsync wrote it.
func decodeRecord(object []byte) (record, error) {
	end := bytes.LastIndex(object, []byte(checksumPrefix))
	if end < 0 || end > 0 && object[end-1] != '\n' {
		return record{}, errDamaged
	}
	text := object[:end]
	sum := sha256.Sum256(text)
	if string(object[end+len(checksumPrefix):]) != hex.EncodeToString(sum[:])+"\n" {
		return record{}, errDamaged
	}
	head, lines, _ := bytes.Cut(text, []byte{'\n'})
	var later struct { // the other fields of a later version may have other types
		Version int `json:"v"`
	}
	if err := json.Unmarshal(head, &later); err == nil && later.Version > recordVersion {
		return record{}, &state.Problem{
			Err:    errors.New("a record of the shared state was written by a later version of orgsync"),
			Advice: "update orgsync on this machine",
		}
	}
	var r record
	if err := json.Unmarshal(head, &r); err != nil {
		return record{}, errDamaged
	}
	r.lines = blocks{slices.Clip(lines)} // so that add cannot overwrite the checksum after the lines
	return r, nil
}
