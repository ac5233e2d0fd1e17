package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// readRoster reads the roster that paths are together. That it is invalid is one kind of error, that it cannot be read another.
func readRoster(ctx context.Context, paths ...string) (*roster.Roster, error) {
	r, err := interruptible(ctx, "read roster", func() (*roster.Roster, error) { return roster.Load(paths) })
	if err != nil && !is[*roster.ProblemsError](err) {
		err = during(readingRoster, err)
	}
	return r, err
}

const (
	// manyPeople is from how many people on garbage is collected more often: what is kept of them, about 1 KB for each, would
	// otherwise be doubled by what is not.
	manyPeople  = 50_000
	manyPercent = 40
)

// loadRoster reads the roster that the flags name, for a command that goes on to the organization: --reinvite has to name
// people in it, a simulation is held to no pin, and for many people memory is kept low.
func (a *app) loadRoster(ctx context.Context) (*roster.Roster, error) {
	r, err := readRoster(ctx, a.rosters...)
	if err != nil {
		return nil, err
	}
	for _, who := range a.reinvite {
		if r.Find(who) == nil {
			return nil, fmt.Errorf("--reinvite: %w", nobody(r, who))
		}
	}
	if len(r.People) >= manyPeople && a.getenv("GOGC") == "" {
		debug.SetGCPercent(manyPercent)
	}
	if a.sandbox.on {
		r.Organization = "" // the simulated organization is nobody's: a pin guards the real ones
	}
	return r, nil
}

// nobody says that the roster has nobody of that address, and whom it has of a like one.
func nobody(r *roster.Roster, who org.Address) error {
	err := fmt.Errorf("the roster has nobody with the address %s", who)
	if near := r.Nearest(who); near != "" {
		err = fmt.Errorf("%w: did you mean %s?", err, near)
	}
	return during(lookingUp, err)
}

// interruptible gives what read does or, when ctx ends first, the cause of that. Nobody may ever write to a pipe, and the
// server of a network folder may be gone: no read of a file can be cancelled, so it is left behind. So read must share nothing
// with who goes on.
func interruptible[T any](ctx context.Context, what string, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%w, at: %s", context.Cause(ctx), what)
	}
}

// ended gives the reason that ctx ended for, when that is what err comes from.
func ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || err == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w, at: %w", cause, err)
}
