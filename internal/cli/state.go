package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/reconcile"
)

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
	return "", &reconcile.StateError{Err: errors.New("there is no state folder: neither XDG_STATE_HOME nor HOME is set")}
}

// stateName returns the state folder for the log; "unknown" when there is none.
func (a *app) stateName() string {
	dir, err := a.stateFolder()
	if err != nil {
		return "unknown"
	}
	return dir
}

// ledgerStore returns the place where the ledger of an organization is kept.
func (a *app) ledgerStore(in org.Organization) (ledger.Store, error) {
	dir, err := a.stateFolder()
	if err != nil {
		return nil, err
	}
	return ledger.Dir(dir, in.ID)
}

// rosterName returns the absolute paths of the first files of a roster and how many more there are,
// as the ledger names the roster of a run.
func rosterName(files []string) string {
	const most = 5
	absolute := make([]string, 0, most)
	for _, file := range files[:min(len(files), most)] {
		if path, err := filepath.Abs(file); err == nil {
			file = path
		}
		absolute = append(absolute, file)
	}
	name := strings.Join(absolute, ", ")
	if more := len(files) - most; more > 0 {
		name += fmt.Sprintf(" and %d more", more)
	}
	return name
}
