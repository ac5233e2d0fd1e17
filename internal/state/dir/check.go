package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	return checkMode(info, "the state folder "+folder, folder)
}

// checkFile returns a *[state.Problem] if a file of the state folder is not a regular file, or if other users
// could change it. It returns nil if the file does not exist yet.
func checkFile(file string) error {
	info, err := os.Lstat(file)
	word := shellword.Quote(file)
	switch {
	case err != nil: // the caller finds out when it opens the file
		return nil
	case info.Mode()&fs.ModeSymlink != 0 && filepath.Base(file) == ledgerFile:
		return &state.Problem{
			Err: fmt.Errorf("%s is not a regular file but a link", file),
			Advice: fmt.Sprintf("look where it leads; if that is the ledger, put the ledger itself in its place: "+
				`mv "$(readlink -f %s)" %[1]s; otherwise remove the link: rm %[1]s`, word),
		}
	case !info.Mode().IsRegular():
		return &state.Problem{
			Err:    fmt.Errorf("%s is not a regular file (%s)", file, info.Mode().Type()),
			Advice: "orgsync did not make it; look at it, then remove it: rm " + word,
		}
	case runtime.GOOS == "windows": // it has no such modes
		return nil
	}
	return checkMode(info, file, file)
}

// checkMode returns a *[state.Problem] if other users may write to path. name is its name in the error.
func checkMode(info fs.FileInfo, name, path string) error {
	mode := info.Mode().Perm()
	const why = "with a forged ledger, people are mailed twice or not at all; run: "
	switch {
	case mode&0o002 != 0 && info.Mode()&fs.ModeSticky != 0: // such as /tmp, which other programs need as it is
		return &state.Problem{
			Err: fmt.Errorf("every user of this machine may write to %s", name),
			Advice: "use a folder that only orgsync uses and that no restart empties: with a forged ledger, people are " +
				"mailed twice or not at all",
		}
	case mode&0o002 != 0:
		return &state.Problem{
			Err:    fmt.Errorf("every user of this machine may write to %s (mode %04o)", name, mode),
			Advice: why + "chmod o-w " + shellword.Quote(path),
		}
	case mode&0o020 != 0 && belongsToOwnGroup(info):
		return &state.Problem{
			Err:    fmt.Errorf("all users of this process's group may write to %s (mode %04o)", name, mode),
			Advice: why + "chmod g-w " + shellword.Quote(path),
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
