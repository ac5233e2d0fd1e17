//go:build !linux

package dir

import (
	"errors"
	"os"
)

// allocate returns [errors.ErrUnsupported].
func allocate(*os.File, int) error { return errors.ErrUnsupported }
