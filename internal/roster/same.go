package roster

import (
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// SameKeys returns what a person is recognised by under another address: the name, if there is one,
// and the address without the characters that people spell differently before the @. Two addresses
// that share one of these may be one person's.
func SameKeys(name string, address org.Address) []string {
	var keys []string
	if words := strings.Fields(strings.ToLower(org.Unescape(name))); len(words) > 0 {
		keys = append(keys, "name "+strings.Join(words, " "))
	}
	local, domain, found := strings.Cut(address.Key(), "@")
	local, _, _ = strings.Cut(local, "+")
	if local = spelling.Replace(local); found && local != "" {
		keys = append(keys, "address "+local+"@"+domain)
	}
	return keys
}

// spelling removes the characters of a local part that people leave out or swap.
var spelling = strings.NewReplacer(".", "", "-", "", "_", "")
