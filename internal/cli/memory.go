package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// statePath is the folder for what orgsync remembers.
func (a *app) statePath() (string, error) {
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
	return "", &stateError{errors.New("there is no folder for the state: neither XDG_STATE_HOME nor HOME is set")}
}

// store is where the ledger of an organization is kept.
func (a *app) store(in org.Organization) (ledger.Store, error) {
	dir, err := a.statePath()
	if err != nil {
		return nil, err
	}
	store, err := ledger.Dir(dir, in.ID)
	return store, asStateError(err)
}

// readMemory reads what earlier runs remember of the organization, without a lock.
func (a *app) readMemory(in org.Organization) (org.Memory, error) {
	store, err := a.store(in)
	if err != nil {
		return org.Memory{}, err
	}
	memory, warnings, err := ledger.Read(store, in.ID)
	if err != nil {
		return org.Memory{}, asStateError(err)
	}
	for _, w := range warnings {
		a.log.Warn(w)
	}
	return memory, nil
}

// openLedger takes the lock of an organization's ledger and opens it.
func (a *app) openLedger(ctx context.Context, in org.Organization, r *roster.Roster, now func() time.Time) (*ledger.Ledger, error) {
	store, err := a.store(in)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // "" is said to those who wait, and does no harm
	l, err := ledger.Open(ctx, store, ledger.Options{
		Organization: in.ID, Now: now, LockTimeout: a.lockTimeout,
		Holder: ledger.Holder{PID: os.Getpid(), Host: host, Start: time.Now()}, Roster: rosterName(r.Files),
	})
	if err != nil {
		if is[*ledger.LockedError](err) {
			return nil, err
		}
		return nil, asStateError(err)
	}
	for _, w := range l.Warnings() {
		a.log.Warn(w)
	}
	return l, nil
}

// rosterName names the roster files of a run in the ledger, the first ones where there are many.
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
