package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/orgsync/orgsync/internal/shellword"
	"github.com/orgsync/orgsync/internal/state"
)

// checkFolder returns a *[state.Problem] if other users could remove or forge a ledger in the folder. It
// returns nil if the folder does not exist yet.
func checkFolder(folder string) error {
	info, err := os.Lstat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 { // an administrator may link to another folder: check that one
		if info, err = os.Stat(folder); err != nil {
			return err
		}
	}
	if !info.IsDir() || runtime.GOOS == "windows" {
		return nil // MkdirAll returns an error if it is not a folder; Windows has no such modes
	}
	mode := info.Mode().Perm()
	switch {
	case mode&0o002 != 0:
		return &state.Problem{
			Err:    fmt.Errorf("every user of this machine may write to the state folder %s (mode %04o)", folder, mode),
			Advice: "a forged ledger lets people be mailed twice or forgotten; run: chmod o-w " + shellword.Quote(folder),
		}
	case mode&0o020 != 0 && belongsToOwnGroup(info):
		return &state.Problem{
			Err:    fmt.Errorf("all users of this process's group may write to the state folder %s (mode %04o)", folder, mode),
			Advice: "a forged ledger lets people be mailed twice or forgotten; run: chmod g-w " + shellword.Quote(folder),
		}
	}
	return nil
}

// openRegular opens a regular file. It returns an error for a symbolic link, and for a special file such
// as a pipe, from which a read might never end.
func openRegular(name string, flags int) (*os.File, error) {
	f, err := os.OpenFile(name, flags|noFollowNonblock, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
