package objects

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// TestIsUnneeded: an object is deleted only if it is old, if an old base replaces it, and if it took over no lease.
func TestIsUnneeded(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	log := &logState{newest: now, takeovers: []int{4}, bases: map[int]time.Time{10: now.Add(-2 * day), 20: now}}
	for name, tt := range map[string]struct {
		number int
		age    time.Duration
		want   bool
	}{
		"old, and before an old base":         {9, 2 * day, true},
		"exactly a day old":                   {9, day, true},
		"without a number":                    {0, 2 * day, true},
		"not a day old":                       {9, day - time.Second, false},
		"the old base itself":                 {10, 2 * day, false},
		"after the old base, before a newer":  {15, 2 * day, false},
		"after all bases":                     {25, 2 * day, false},
		"the record that took over a lease":   {4, 2 * day, false},
		"newer than the newest, by its clock": {9, -time.Hour, false},
	} {
		if got := (*Store)(nil).isUnneeded(tt.number, Info{Modified: now.Add(-tt.age)}, log, day); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestNeedsBase: a base is made after 10 records, and after 100 if it is large.
func TestNeedsBase(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		records, size int
		making, want  bool
	}{
		"10 records":                 {10, 0, false, false},
		"11 records":                 {11, 0, false, true},
		"11 records, the limit":      {11, largeBase, false, true},
		"11 records, a large base":   {11, largeBase + 1, false, false},
		"100 records, a large base":  {100, largeBase + 1, false, false},
		"101 records, a large base":  {101, largeBase + 1, false, true},
		"101 records, and in making": {101, 0, true, false},
	} {
		l := &lease{log: logState{number: 7 + tt.records, base: 7, baseSize: tt.size}, makingBase: tt.making}
		if got := l.needsBase(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestConfirmOutOfOrder: an answer that comes late does not shorten the lease.
func TestConfirmOutOfOrder(t *testing.T) {
	t.Parallel()
	start := time.Now()
	l := newLease(t.Context(), New(nil, "o1", DefaultTimes), &logState{}, record{Kind: kindLease, Number: 1}, start)
	l.confirm(start.Add(2 * time.Millisecond))
	l.confirm(start.Add(time.Millisecond))
	if got := l.confirmed.Sub(start); got != 2*time.Millisecond {
		t.Errorf("confirmed after %v", got)
	}
}

func TestNumberIn(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 19)
	for name, want := range map[string]int{
		numbered(logFolder, 7): 7, "log/" + zeros + "1": 1, "log/" + zeros + "0": 0, "base/" + zeros + "1": 0, "log/1": 0,
		"log/" + zeros + "01": 0, "log/" + zeros + "x": 0, "log/-" + zeros[1:] + "1": 0, "log/": 0, zeros + "1": 0,
		"log/99999999999999999999": 0,
	} {
		n, ok := numberIn(name, logFolder)
		if ok != (want > 0) || ok && n != want {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
}

// TestDecodeRecord: the checksum is a line of its own.
func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	sealed := func(text string) []byte { return fmt.Appendf(nil, "%s#sha256 %x\n", text, sha256.Sum256([]byte(text))) }
	const head = `{"v":1,"kind":"lines","number":3}`
	rec, err := decodeRecord(sealed(head + "\na\n"))
	if err != nil || rec.Number != 3 || string(rec.lines.join()) != "a\n" {
		t.Errorf("%+v, %v", rec, err)
	}
	for name, object := range map[string][]byte{
		"empty": nil, "only a checksum": sealed(""), "no line before the checksum": sealed(head), "no JSON": sealed("{\n"),
		"more after the checksum": append(sealed(head+"\n"), '\n'), "no checksum": []byte(head + "\n"),
	} {
		if _, err := decodeRecord(object); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecodeLaterRecord: a record of a later version is not damaged, even if its fields have other types. Otherwise a
// run would ignore the last record of the log.
func TestDecodeLaterRecord(t *testing.T) {
	t.Parallel()
	for _, head := range []string{
		`{"v":2,"kind":"lines","number":3}`, `{"v":2,"kind":"lines","number":"3","lease":{"number":1}}`,
		`{"v":2,"kind":"lines","number":3,"holder":{"start":1781092800}}`,
	} {
		text := head + "\na\n"
		_, err := decodeRecord(fmt.Appendf(nil, "%s#sha256 %x\n", text, sha256.Sum256([]byte(text))))
		if _, isProblem := errors.AsType[*state.Problem](err); !isProblem {
			t.Errorf("%s: %v", head, err)
		}
	}
}

func TestIsKeyPart(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"a": true, "0b1f-9": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "": false, "a/b": false,
		`a\b`: false, "a b": false, "a\x00": false, "a\r": false, "a\n": false, "~a": false,
	} {
		if IsKeyPart(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
