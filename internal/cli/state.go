package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

var errNoStateFolder = errors.New("there is no state folder: neither XDG_STATE_HOME nor HOME is set")

// stateFolder returns the folder of the ledgers, the locks and the simulation. Its error wraps
// errNoStateFolder.
func (a *app) stateFolder() (string, error) {
	if a.stateDir != "" {
		l, err := state.ParseFolder(a.stateDir)
		return l.Path, err
	}
	// A relative path counts as not set (XDG Base Directory Specification, 0.8).
	if base := a.getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "orgsync"), nil
	}
	if home := cmp.Or(a.getenv("HOME"), a.getenv("USERPROFILE")); home != "" { // the latter on Windows
		return filepath.Join(home, ".local", "state", "orgsync"), nil
	}
	return "", &reconcile.StateError{Err: errNoStateFolder}
}

// location returns the place of the ledgers and locks: --state if it is set, otherwise rosterState
// (the place that the roster names) if it is not "", otherwise the state folder. If --state and the
// roster name different places, location returns an otherStateError: two runs with different ledgers
// would mail everybody twice. A simulation always uses the state folder.
func (a *app) location(rosterState string) (state.Location, error) {
	if a.sandbox.On || a.state == "" && rosterState == "" {
		folder, err := a.stateFolder()
		return state.Location{Kind: state.Folder, Path: folder}, err
	}
	if rosterState == "" {
		return state.ParseLocation(a.state)
	}
	inRoster, err := state.ParseLocation(rosterState)
	if err != nil || a.state == "" {
		return inRoster, err
	}
	inFlag, err := state.ParseLocation(a.state)
	if err == nil && !inFlag.Is(inRoster) {
		err = &otherStateError{inFlag: inFlag, inRoster: inRoster}
	}
	return inFlag, err
}

// statePlaceOf returns the place that the roster r names for the state; "" if it names none. A linked roster
// may only have a relative place if it does not decide where the ledger is: --state does, or the
// simulation has its own folder.
func (a *app) statePlaceOf(r *roster.Roster) (string, error) {
	place, err := r.StatePlace()
	linked, isLinked := errors.AsType[*roster.LinkedStateError](err)
	switch {
	case isLinked && a.sandbox.On:
		return "", nil
	case isLinked && a.state != "":
		return filepath.Join(filepath.Dir(linked.File), linked.State), nil
	}
	return place, err
}

// otherStateError says that --state and the roster name different places.
type otherStateError struct{ inFlag, inRoster state.Location }

func (e *otherStateError) Error() string {
	return fmt.Sprintf("this run keeps its state in %s, and the roster names %s", e.inFlag, e.inRoster)
}

// stateName returns the place of the ledger and the lock, for the log and the header. Before
// openState has opened it, the place is a guess without the roster, or "unknown".
func (a *app) stateName() string {
	if a.run.state != "" {
		return a.run.state
	}
	l, err := a.location("")
	if err != nil {
		return "unknown"
	}
	return l.String()
}

// openChosenState opens the place that [app.location] returns for rosterState. The caller must call Close
// at the end, unless there is an error.
func (a *app) openChosenState(ctx context.Context, rosterState string) (*backend.Backend, state.Location, error) {
	l, err := a.location(rosterState)
	if err != nil {
		return nil, l, err
	}
	b, err := a.openState(ctx, l)
	return b, l, err
}

// openState opens the place l. The caller must call Close at the end, unless there is an error.
func (a *app) openState(ctx context.Context, l state.Location) (*backend.Backend, error) {
	b, err := backend.Open(ctx, l, a.getenv)
	if err != nil {
		return nil, &reconcile.StateError{Err: err}
	}
	a.run.state = l.String()
	return b, nil
}

// rosterName returns the name of a roster in the ledger: the absolute paths of up to five files, and
// the number of the other files.
func rosterName(files []string) string {
	var absolute []string
	first, more := document.Truncate(files, 5)
	for _, file := range first {
		if path, err := filepath.Abs(file); err == nil {
			file = path
		}
		absolute = append(absolute, file)
	}
	name := strings.Join(absolute, ", ")
	if more > 0 {
		name += fmt.Sprintf(" and %d more", more)
	}
	return name
}
