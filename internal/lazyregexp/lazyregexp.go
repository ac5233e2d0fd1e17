// Package lazyregexp compiles regular expressions when they are first used. Most runs need only a few of them, and
// compiling them all would slow down the start of the program.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns a function that compiles pattern on its first call. This call panics if the pattern is invalid.
func New(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
