package ledger

import "slices"

// History returns what the ledger has about one person, oldest first, without a lock: the lines
// about any of keys, the canonical keys of the person's addresses. A large ledger drops lines that
// nothing depends on any more, so it may begin late. Errors are those of [Read]; lines that cannot
// be read are left out.
func History(store Store, organization string, keys ...string) ([]Entry, error) {
	var entries []Entry
	_, err := readContent(store, organization, func(e Entry) {
		if e.Email != "" && slices.Contains(keys, e.Email) {
			entries = append(entries, e)
		}
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}
