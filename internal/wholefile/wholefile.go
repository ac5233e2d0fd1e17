// Package wholefile replaces files as a whole.
package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace replaces file by a new file with these permissions. The new file belongs to the current user. A reader always
// sees a whole file, old or new, even after a crash. After an error, the old file is there. renameio is no alternative:
// on Windows, it empties the old file before it writes the new text, and on other systems it keeps the permissions of
// the old file.
func Replace(file string, data []byte, permissions fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Chmod(f.Name(), permissions)
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
