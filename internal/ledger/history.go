package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// History returns the lines of the ledger about one person, oldest first. keys are the canonical keys of the person's
// addresses. It needs no lease. The errors are those of [Read]. It leaves out lines that cannot be read.
func History(ctx context.Context, store state.Store, organization string, keys ...string) ([]Entry, error) {
	var entries []Entry
	_, err := Entries(ctx, store, organization, func(e Entry) {
		if e.Email != "" && slices.Contains(keys, e.Email) {
			entries = append(entries, e)
		}
	})
	return entries, err
}

// Requests returns the lines of the ledger, oldest first, without the lines about whole runs. The ledger has two lines
// for a mail or an edit, one before the request and one after the answer. Requests returns one line for the two: the
// second, at the place of the first. If there is no second line, the outcome is [Unanswered]. The errors are those of
// [Entries].
func Requests(ctx context.Context, store state.Store, organization string) ([]Entry, error) {
	type request struct{ run, email, object string }
	unanswered := map[request]int{} // the index in entries
	var entries []Entry
	_, err := Entries(ctx, store, organization, func(e Entry) {
		if e.Action == Run {
			return
		}
		key := request{e.Run, e.Email, e.Object}
		if e.Action == Invite || e.Action == Resend {
			key.object = "" // only the second line of a mail may have an object
		}
		switch i, found := unanswered[key]; {
		case e.Announces():
			e.Outcome = Unanswered // unless the second line follows
			unanswered[key] = len(entries)
			entries = append(entries, e)
		case e.Outcome != "" && found:
			delete(unanswered, key)
			entries[i] = e
		default:
			entries = append(entries, e)
		}
	})
	return entries, err
}

// Entries calls take with every line of the ledger, oldest first. If the store keeps the lines that compaction
// removed, it includes these lines; a folder does not keep them. If the ledger has moved, Entries still reads the old
// lines, and movedTo is the new place. Other errors are those of [Read].
func Entries(ctx context.Context, store state.Store, organization string, take func(Entry)) (movedTo string,
	err error) {
	raw, err := store.Read(ctx)
	if err != nil {
		return "", readError(err)
	}
	archived, err := store.Archived(ctx)
	if err != nil {
		return "", readError(err)
	}
	var all []Entry
	add := take
	if len(archived) > 0 {
		add = func(e Entry) { all = append(all, e) }
		// A line may be in both: it was there twice, or a run died while it moved the line to the archive.
		inLedger := newLineSet()
		_, _ = parseUnseen(raw, organization, inLedger, func(Entry) {}) // the error comes again below
		if _, err := parseUnseen(archived, organization, inLedger, add); err != nil {
			return "", err
		}
	}
	_, err = parseContent(raw, organization, add)
	moved, isMoved := errors.AsType[*RetiredError](err)
	if err != nil && !isMoved {
		return "", err
	}
	sortRuns(all)
	for _, e := range all {
		take(e)
	}
	if isMoved {
		return moved.To, nil
	}
	return "", nil
}

// sortRuns sorts the lines of an archive and a ledger. The archive may have newer lines than those that the ledger
// keeps. Runs are sorted by their earliest time, and the lines of a run by their numbers: during a run, a clock may go
// back. Old lines have no number, and stay in their order.
func sortRuns(entries []Entry) {
	type place struct {
		begin time.Time
		first int // the index of its first line
	}
	runs := map[string]place{}
	for i, e := range entries {
		r, found := runs[e.Run]
		if !found {
			r = place{e.Time, i}
		}
		if e.Time.Before(r.begin) {
			r.begin = e.Time
		}
		runs[e.Run] = r
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		x, y := runs[a.Run], runs[b.Run]
		return cmp.Or(x.begin.Compare(y.begin), cmp.Compare(x.first, y.first), cmp.Compare(a.Number, b.Number))
	})
}
