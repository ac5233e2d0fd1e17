package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

// readRoster reads the roster in paths. Its error is a [roster.ProblemsError] if the roster is
// invalid, and otherwise a stepError.
func readRoster(ctx context.Context, paths ...string) (*roster.Roster, error) {
	r, err := interruptible(ctx, "read roster", func() (*roster.Roster, error) { return roster.Load(paths) })
	if err != nil && !is[*roster.ProblemsError](err) {
		err = withStep(stepReadRoster, err)
	}
	return r, err
}

// loadRoster reads the roster that --roster names. It returns an error if --reinvite or --resend
// names a person who is not in the roster, or a person that --only leaves out. In a simulation, it removes
// the pin (the name of the organization) from the roster.
func (a *app) loadRoster(ctx context.Context) (*roster.Roster, error) {
	if err := a.checkOutsideRoster(); err != nil {
		return nil, err
	}
	r, err := readRoster(ctx, a.rosters...)
	if err != nil {
		return nil, err
	}
	if err := a.checkNamed(r); err != nil {
		return nil, err
	}
	if a.sandbox.On {
		r.Organization = "" // the pin names a real organization, and the simulated one has another name
	}
	return r, nil
}

// checkSameRoster returns [reconcile.ErrRosterChanged] if the files of r say something else now. Meanwhile, another run
// may have carried out the new roster: this run would then remove the people that only the new one has. A roster
// from a pipe counts as unchanged.
func (a *app) checkSameRoster(ctx context.Context, r *roster.Roster) error {
	for _, file := range r.Files {
		if !roster.CanReadAgain(file) {
			return nil
		}
	}
	now, err := readRoster(ctx, a.rosters...)
	if err != nil {
		return err
	}
	if a.sandbox.On {
		now.Organization = r.Organization // see loadRoster and setOrganization
	}
	if !reflect.DeepEqual(r, now) {
		return reconcile.ErrRosterChanged
	}
	return nil
}

// checkOutsideRoster returns an error if a file that this run may write would make the roster
// unreadable, or has no name.
func (a *app) checkOutsideRoster() error {
	files := map[string]string{"--out": a.out, "--metrics-file": a.metricsFile}
	switch {
	case !a.sandbox.On:
	case a.sandbox.File != "":
		files["--sandbox"] = a.sandbox.File
	case a.createsSandbox():
		files["--state-dir"], _ = a.sandboxFile() // the run soon ends with the error
	}
	if a.out == "-" {
		return &adviceError{
			errors.New("--out -: a name is needed, because the plan is not written to the standard output"),
			"name a file, as in --out plan.json",
		}
	}
	for _, flag := range slices.Sorted(maps.Keys(files)) {
		folder := roster.FolderOf(a.rosters, files[flag])
		if files[flag] == "" || folder == "" {
			continue
		}
		if flag == "--metrics-file" {
			a.metricsFile = "" // a run that fails writes it too
		}
		return &adviceError{
			fmt.Errorf("%s %s: the file would be in the folder %s of the roster, and later runs would refuse this roster",
				flag, files[flag], folder),
			"name a place outside of this folder, or a name that begins with a dot",
		}
	}
	return nil
}

// checkNamed returns an error if --reinvite or --resend names a person who is not in r, or a person that --only leaves
// out.
func (a *app) checkNamed(r *roster.Roster) error {
	return a.checkEachNamed(func(flag string, who org.Address) error {
		p := r.Find(who)
		if p == nil {
			return fmt.Errorf("%s: %w", flag, errNotInRoster(r, who))
		}
		if leavesOut(a.planFlags.Only, p) {
			return fmt.Errorf("%s names %s, but --only leaves them out: name them with --only too", flag, who)
		}
		return nil
	})
}

// checkSaved returns an error if --reinvite or --resend names a person that the --only of the saved plan leaves out.
func (a *app) checkSaved(r *roster.Roster, saved *plan.Saved) error {
	if saved == nil {
		return nil
	}
	return a.checkEachNamed(func(flag string, who org.Address) error {
		if leavesOut(saved.Only, r.Find(who)) { // loadRoster has checked that r has the person
			return fmt.Errorf("%s names %s, but the --only of the saved plan leaves them out", flag, who)
		}
		return nil
	})
}

// checkEachNamed calls check for each address that --reinvite or --resend names, and returns the first error.
func (a *app) checkEachNamed(check func(flag string, who org.Address) error) error {
	for _, named := range []struct {
		flag   string
		people []org.Address
	}{{"--reinvite", a.planFlags.Reinvite}, {"--resend", a.planFlags.Resend}} {
		for _, who := range named.people {
			if err := check(named.flag, who); err != nil {
				return err
			}
		}
	}
	return nil
}

// leavesOut reports whether --only with these addresses leaves out p. Without --only, the list is empty.
func leavesOut(only []org.Address, p *roster.Person) bool {
	selected := func(a org.Address) bool { return slices.ContainsFunc(p.Addresses(), a.Equal) }
	return len(only) > 0 && !slices.ContainsFunc(only, selected)
}

// newRun returns the part of a report that names the command and describes its roster r. It leaves out
// memberships in teams that have ended at now.
func newRun(command string, r *roster.Roster, now time.Time) report.Run {
	run := report.Run{Command: command, Files: r.Files, People: len(r.People), Teams: len(r.Teams)}
	if run.Teams == 0 {
		return run
	}
	run.TeamsOf = make(map[string][]string, len(r.People))
	for i := range r.People {
		p := r.People[i].On(now)
		for _, m := range p.Teams {
			if key := p.Email.Key(); !slices.Contains(run.TeamsOf[key], m.Team) {
				run.TeamsOf[key] = append(run.TeamsOf[key], m.Team)
			}
		}
	}
	return run
}

// errNotInRoster returns an error which says that r has no person with the address who. If r has a
// similar address, the error suggests that address.
func errNotInRoster(r *roster.Roster, who org.Address) error {
	err := fmt.Errorf("the roster has no person with the address %s", who)
	if near := r.Nearest(who); near != "" {
		err = fmt.Errorf("%w: did you mean %s?", err, near)
	}
	return withStep(stepFindPerson, err)
}

// interruptible returns the result of read. If ctx ends first, it returns the cause of ctx, and task
// says in the error what was interrupted. A read of a file or a terminal cannot be cancelled, and
// may never return: a pipe may have no writer, or the server of a network folder may be down. read
// then goes on in the background, so it must not share data with the caller.
func interruptible[T any](ctx context.Context, task string, read func() (T, error)) (T, error) {
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
		return none, fmt.Errorf("%w, at: %s", context.Cause(ctx), task)
	}
}
