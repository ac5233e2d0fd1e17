package dir

import (
	"errors"
	"os"
	"syscall"
)

// allocate reserves n bytes of the disk for f without writing them. The error is [errors.ErrUnsupported]
// if the file system cannot do that.
func allocate(f *os.File, n int) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(n))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
