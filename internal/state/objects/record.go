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

// kind says what a record is for.
type kind string

const (
	// kindLease begins a lease. Its number in the log is the number of the lease.
	kindLease kind = "lease"
	// kindLines holds lines that the holder of a lease appended.
	kindLines kind = "lines"
	// kindRelease ends a lease.
	kindRelease kind = "release"
	// kindUnlock ends the lease of a run that a person knows to be dead.
	kindUnlock kind = "unlock"
	// kindBase holds all lines up to its number.
	kindBase kind = "base"
)

// record is one object of the log, or a base. It is written as a line of JSON, the lines of the
// ledger, and a line with the checksum of both.
type record struct {
	Version int  `json:"v"`
	Kind    kind `json:"kind"`
	Number  int  `json:"number"`
	// Lease is the number of the lease that the writer holds; in a base, the last lease up to its
	// number.
	Lease int `json:"lease"`
	// LeaseID names that lease for people, and Holder is who holds it.
	LeaseID string       `json:"lease_id"`
	Holder  state.Holder `json:"holder"`
	// Nonce makes the bytes of each record different from those of all others.
	Nonce string `json:"nonce"`
	// TookOver is true in a lease that followed one without a release.
	TookOver bool `json:"took_over,omitempty"`
	// Ignored is the number of a damaged record just before this one, which readers skip; 0: none.
	Ignored int `json:"ignored,omitempty"`
	// Released is true in a base if the lease was over at its number.
	Released bool `json:"released,omitempty"`
	// Takeovers are in a base the numbers of all records with TookOver up to its number.
	Takeovers []int `json:"takeovers,omitempty"`

	lines blocks
}

// blocks are lines of a ledger, cut anywhere. A long run adds many: one slice that grows would be copied again
// and again, and take twice its size meanwhile.
type blocks [][]byte

// blockSize is the size of a block that lines are added to, in bytes.
const blockSize = 256 << 10

// add returns b with more at its end, as append does: b must not be used any more. What a clone of b holds stays as
// it is.
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

// join returns b as one slice, without a copy if it is one.
func (b blocks) join() []byte {
	if len(b) == 1 {
		return slices.Clip(b[0])
	}
	return slices.Concat(b...)
}

// checksumPrefix begins the last line of a record.
const checksumPrefix = "#sha256 "

var errDamaged = errors.New("the checksum of the record is wrong")

// encode returns r as an object in pieces. The lines are not copied: those of a base may be many.
func (r record) encode() [][]byte {
	head, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("record cannot be written as JSON: %v", err)) // only a year beyond 9999 does this
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

// decodeRecord returns the record that an object holds. The error is errDamaged if the object is not
// what was written.
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
	var r record
	if err := json.Unmarshal(head, &r); err != nil {
		return record{}, errDamaged
	}
	if r.Version > recordVersion {
		return record{}, &state.Problem{
			Err:    errors.New("a record of the shared state was written by a later version of orgsync"),
			Advice: "update orgsync on this machine",
		}
	}
	r.lines = blocks{slices.Clip(lines)} // what comes after them is the checksum
	return r, nil
}
