//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sandbox

// lockFile does nothing where the standard library has no lock: of two processes that change the state in the same
// instant, one may lose its change. The file itself stays whole.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }

// syncDir does nothing where directories cannot be synced.
func syncDir(string) error { return nil }
