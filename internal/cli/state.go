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
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/state/backend"
)

var errNoStateFolder = errors.New("there is no state folder: neither XDG_STATE_HOME nor HOME is set")

// stateFolder returns the folder of the ledgers, the locks and the simulation.
func (a *app) stateFolder() (string, error) {
	if a.stateDir != "" {
		return a.stateDir, nil
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

// location returns where ledgers and locks are kept: --state if it is set, else the roster's state, else
// the state folder. A roster that names another place than --state is refused: two runs with different
// ledgers mail everybody twice. A simulation always uses the state folder.
func (a *app) location(roster string) (state.Location, error) {
	if a.sandbox.On || a.state == "" && roster == "" {
		folder, err := a.stateFolder()
		return state.Location{Kind: state.Folder, Path: folder}, err
	}
	if roster == "" {
		return state.ParseLocation(a.state)
	}
	wanted, err := state.ParseLocation(roster)
	if err != nil || a.state == "" {
		return wanted, err
	}
	told, err := state.ParseLocation(a.state)
	if err == nil && told.String() != wanted.String() {
		err = &otherStateError{told: told, wanted: wanted}
	}
	return told, err
}

// otherStateError says that a run was told another state than its roster names.
type otherStateError struct{ told, wanted state.Location }

func (e *otherStateError) Error() string {
	return fmt.Sprintf("this run keeps its state in %s, and the roster names %s", e.told, e.wanted)
}

// stateName returns where ledger and lock are kept, for the log and the first line of a run; "unknown" if
// that cannot be told.
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

// openNamedState opens the state of a run whose roster names this place; "" when it names none. The caller must call
// Close at the end, unless there is an error.
func (a *app) openNamedState(ctx context.Context, roster string) (*backend.Backend, state.Location, error) {
	l, err := a.location(roster)
	if err != nil {
		return nil, l, err
	}
	b, err := a.openState(ctx, l)
	return b, l, err
}

// openState opens a location. The caller must call Close at the end, unless there is an error.
func (a *app) openState(ctx context.Context, l state.Location) (*backend.Backend, error) {
	b, err := backend.Open(ctx, l, a.getenv)
	if err != nil {
		return nil, &reconcile.StateError{Err: err}
	}
	a.run.state = l.String()
	return b, nil
}

// rosterName returns the absolute paths of the first files of a roster and how many more there are,
// as the ledger names the roster of a run.
func rosterName(files []string) string {
	var absolute []string
	first, more := document.FirstOf(files, 5)
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
