package roster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// No file causes a panic or an endless loop. Each gives people with addresses, or problems with positions.
func FuzzLoad(f *testing.F) {
	err := filepath.WalkDir(testdata, func(path string, entry fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && len(data) < 4096 {
			f.Add(data)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		begin := time.Now()
		r, err := parse("users.yaml", data)
		if took := time.Since(begin); took > time.Minute {
			t.Fatalf("%d bytes took %v", len(data), took)
		}
		if err == nil {
			checkRoster(t, r)
			return
		}
		var problems *ProblemsError
		if r != nil || !errors.As(err, &problems) || len(problems.Problems) == 0 {
			t.Fatalf("parse = %v, %v", r, err)
		}
		for _, p := range problems.Problems {
			if p.At.File != "users.yaml" || p.At.Line < 1 || p.At.Column < 1 || p.Text == "" {
				t.Errorf("a problem without a place: %v", p)
			}
			for _, c := range p.Text {
				if isInvisible(c) {
					t.Errorf("a problem shows %U: %q", c, p.Text)
				}
			}
		}
	})
}

// checkRoster checks the properties of a roster on which the planner relies.
func checkRoster(t *testing.T, r *Roster) {
	t.Helper()
	if len(r.People) == 0 {
		t.Fatal("a roster of nobody")
	}
	seen := make(map[string]bool)
	for _, p := range r.People {
		for _, a := range append(p.Aliases, p.Email) {
			if a.IsZero() || seen[a.Key()] {
				t.Errorf("%v: the address %q is empty or not the only one", p.At, a)
			}
			seen[a.Key()] = true
		}
	}
	s := r.Settings
	if s.MaxInvites < 0 || s.MaxRemovals < 0 || s.ReinviteRounds < 1 || s.Unlisted == "" || s.ExtraAccess == "" ||
		s.MaxRevokes < 0 || s.UnlistedAfter < 0 || s.UnlistedAfter > maxDuration || s.HiddenMembers == "" {
		t.Errorf("settings out of bounds: %+v", s)
	}
	if s.Unlisted != UnlistedReport && r.Organization == "" {
		t.Errorf("unlisted people would be touched in any organization: %+v", s)
	}
}
