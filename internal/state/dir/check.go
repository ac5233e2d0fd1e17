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

// checkFolder returns why the folder is not safe: others could remove or forge a ledger in it. That there
// is none yet is no problem.
func checkFolder(folder string) error {
	info, err := os.Lstat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 { // the folder that an administrator links to counts
		if info, err = os.Stat(folder); err != nil {
			return err
		}
	}
	if !info.IsDir() || runtime.GOOS == "windows" { // modes mean nothing there
		return nil // making the folder says so
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

// openRegular opens a file that is no link and nothing special, such as a pipe that would never end.
func openRegular(name string, flags int) (*os.File, error) {
	f, err := os.OpenFile(name, flags|neitherLinkNorWait, 0o600)
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
