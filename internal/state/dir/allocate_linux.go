package dir

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// allocate reserves n bytes of the disk for f without writing them. The error is [errors.ErrUnsupported]
// if the file system cannot do that.
func allocate(f *os.File, n int) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(n))
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EINTR):
			return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err} // as the methods of f do
		}
	}
}
