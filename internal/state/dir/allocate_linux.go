package dir

import (
	"errors"
	"os"
	"syscall"
)

// allocate takes n bytes of the disk for f without writing them. The error is errors.ErrUnsupported
// where the file system cannot do that.
func allocate(f *os.File, n int) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(n))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
