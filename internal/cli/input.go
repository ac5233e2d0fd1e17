package cli

import (
	"context"
	"fmt"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// readRoster reads the roster that paths are together. That it is invalid is one kind of error, that it cannot be read another.
func readRoster(ctx context.Context, paths ...string) (*roster.Roster, error) {
	r, err := interruptible(ctx, "read roster", func() (*roster.Roster, error) { return roster.Load(paths) })
	if err != nil && !is[*roster.ProblemsError](err) {
		err = withStep(stepReadRoster, err)
	}
	return r, err
}

// loadRoster reads the roster that the flags name, for a command that goes on to the organization: --reinvite has to name
// people in it, and a simulation is held to no pin.
func (a *app) loadRoster(ctx context.Context) (*roster.Roster, error) {
	r, err := readRoster(ctx, a.rosters...)
	if err != nil {
		return nil, err
	}
	for _, who := range a.reinvite {
		if r.Find(who) == nil {
			return nil, fmt.Errorf("--reinvite: %w", errNotInRoster(r, who))
		}
	}
	if a.sandbox.on {
		r.Organization = "" // the simulated organization is nobody's: a pin guards the real ones
	}
	return r, nil
}

// errNotInRoster returns the error that the roster has nobody with the address who, and names a similar address that it has.
func errNotInRoster(r *roster.Roster, who org.Address) error {
	err := fmt.Errorf("the roster has nobody with the address %s", who)
	if near := r.Nearest(who); near != "" {
		err = fmt.Errorf("%w: did you mean %s?", err, near)
	}
	return withStep(stepFindPerson, err)
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
