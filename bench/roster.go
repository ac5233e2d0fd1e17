package main

import (
	"fmt"
	"os"
)

// email returns the address of the i-th person.
func email(i int) string { return fmt.Sprintf("person.%06d@example.com", i) }

// writeRoster writes a roster of this many people. more returns further lines of an entry.
func writeRoster(file string, people int, more func(i int) string) error {
	text := []byte("users:\n")
	for i := range people {
		text = fmt.Appendf(text, "  - email: %s\n    name: Person %d\n%s", email(i), i, more(i))
	}
	return os.WriteFile(file, text, 0o600)
}
