package sandbox

import (
	"encoding/json"
	"errors"
	"iter"
	"math"
	"slices"
	"time"
)

// stamp says when a change was made.
type stamp struct {
	Seq int64     `json:"seq"` // the number of the change, in the order of all changes
	At  time.Time `json:"at"`  // by the clock of the world; zero for seeded rows
}

// moment selects the changes that a list shows: those up to a number and, if the list lags, up to a time.
type moment struct {
	seq int64
	// at decides which invitations have expired. If lags is true, it is also the time of the last change that is
	// shown.
	at   time.Time
	lags bool
}

// present is the moment that shows all changes.
var present = moment{seq: math.MaxInt64}

func (m moment) shows(s stamp) bool { return s.Seq <= m.seq && (!m.lags || !s.At.After(m.at)) }

// table has rows by id, in the order in which they were first put. It keeps all versions of each row. So a list can
// lag, and all pages of a list can show the same moment.
type table[T any] struct {
	entries []*entry[T]
	index   map[string]*entry[T]
}

type entry[T any] struct {
	ID       string       `json:"id"`
	Versions []version[T] `json:"versions"`
}

type version[T any] struct {
	stamp
	Gone bool `json:"gone,omitempty"`
	Row  T    `json:"row"`
}

// get returns the current version of a row, and reports whether there is such a row.
func (t *table[T]) get(id string) (T, bool) {
	if e := t.index[id]; e != nil {
		if last := e.Versions[len(e.Versions)-1]; !last.Gone {
			return last.Row, true
		}
	}
	var none T
	return none, false
}

// rows returns the current versions of all rows. The caller may change and drop rows during the iteration.
func (t *table[T]) rows() iter.Seq[T] { return t.rowsAt(present) }

// rowsAt returns all rows as they were at m.
func (t *table[T]) rowsAt(m moment) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, e := range t.entries {
			for _, v := range slices.Backward(e.Versions) {
				if !m.shows(v.stamp) {
					continue
				}
				if !v.Gone && !yield(v.Row) {
					return
				}
				break
			}
		}
	}
}

// where returns the rows at m for which matches returns true.
func (t *table[T]) where(m moment, matches func(T) bool) (found []T) {
	for row := range t.rowsAt(m) {
		if matches(row) {
			found = append(found, row)
		}
	}
	return found
}

// find returns the first current row for which matches returns true.
func (t *table[T]) find(matches func(T) bool) (row T, ok bool) {
	for row := range t.rows() {
		if matches(row) {
			return row, true
		}
	}
	return row, false
}

// last returns the last version of a row, also if the row was dropped; the zero row if there never was one.
func (t *table[T]) last(id string) T {
	if e := t.index[id]; e != nil {
		return e.Versions[len(e.Versions)-1].Row
	}
	var none T
	return none
}

func (t *table[T]) put(s stamp, id string, row T) { t.add(id, version[T]{stamp: s, Row: row}) }

func (t *table[T]) drop(s stamp, id string) {
	if row, ok := t.get(id); ok {
		t.add(id, version[T]{stamp: s, Row: row, Gone: true})
	}
}

func (t *table[T]) add(id string, v version[T]) {
	if t.index == nil {
		t.index = map[string]*entry[T]{}
	}
	e := t.index[id]
	if e == nil {
		e = &entry[T]{ID: id}
		t.index[id] = e
		t.entries = append(t.entries, e)
	}
	e.Versions = append(e.Versions, v)
}

// clone returns a copy of t. A change of the copy does not change t. Both share the existing versions, which never
// change.
func (t *table[T]) clone() table[T] {
	c := table[T]{entries: make([]*entry[T], len(t.entries)), index: make(map[string]*entry[T], len(t.index))}
	for i, e := range t.entries {
		c.entries[i] = &entry[T]{ID: e.ID, Versions: slices.Clip(e.Versions)}
		c.index[e.ID] = c.entries[i]
	}
	return c
}

var errDamagedTable = errors.New("a table holds an entry without id or version, or one id twice")

// MarshalJSON writes the entries in order.
func (t table[T]) MarshalJSON() ([]byte, error) { return json.Marshal(t.entries) }

// UnmarshalJSON reads what MarshalJSON wrote; entries without an id or a version are an error.
func (t *table[T]) UnmarshalJSON(data []byte) error {
	var entries []*entry[T]
	if err := json.Unmarshal(data, &entries); err != nil {
		return err
	}
	t.entries, t.index = entries, make(map[string]*entry[T], len(entries))
	for _, e := range entries {
		if e == nil || e.ID == "" || len(e.Versions) == 0 || t.index[e.ID] != nil {
			return errDamagedTable
		}
		t.index[e.ID] = e
	}
	return nil
}
