package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

func TestStateFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "folder", "state.json")
	serve := newServer(t, sandbox.Options{File: file})
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	id := invite(t, serve, "ada@example.com")

	// 'orgsync sandbox accept' does the same while 'orgsync sandbox serve' is running.
	other := newServer(t, sandbox.Options{File: file})
	if err := other.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := other.AcceptAs("ada@example.com", "ada@home.example"); err != nil {
		t.Fatal(err)
	}
	i := single(t, request(t, serve, "GET", "/v2/invitation/"+id, ""))
	if i["invite_status"] != "Accepted" || i["date_responded"] != "2026-06-01T11:00:00+00:00" {
		t.Errorf("the serving process sees %v", i)
	}
	if !serve.Now().Equal(start.Add(time.Hour)) {
		t.Errorf("its clock is %v", serve.Now())
	}
	wantDiff(t, "worlds", other.World(), serve.World())
	wantDiff(t, "mails", serve.Mails(), other.Mails())

	third := newServer(t, sandbox.Options{File: file})
	wantDiff(t, "after a restart", serve.World(), third.World())
	if err := third.Reset(); err != nil {
		t.Fatal(err)
	}
	wantDiff(t, "after a reset", third.World(), serve.World())
	if n := len(serve.World().Invitations); n != 0 {
		t.Errorf("%d invitations after a reset", n)
	}
}

func TestStateFileIsReplaced(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	s := newServer(t, sandbox.Options{File: file})
	before := s.World().Organization.ID
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	after := s.World().Organization.ID
	if after == before || after != s.World().Organization.ID {
		t.Errorf("organizations %s, %s, %s", before, after, s.World().Organization.ID)
	}
}

func TestDamagedStateFile(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "state.json")
	invite(t, newServer(t, sandbox.Options{File: whole}), "ada@example.com")
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ text, want string }{
		"empty":           {"", "the file is damaged"},
		"half":            {string(good[:len(good)/2]), "the file is damaged"},
		"another program": {`{"format_version": 2}`, "format 2"},
		"no organization": {`{"format_version": 1}`, "no organization"},
		"no id": {strings.Replace(string(good), `"organization":{"id":`, `"organization":{"x":`, 1),
			"no organization"},
		"no owner":     {strings.Replace(string(good), `"owner_id":`, `"x":`, 1), "no owner"},
		"a list":       {`[]`, "not a simulation"},
		"a roster":     {"users:\n  - email: ada@example.com\n", "not a simulation"},
		"a saved plan": {`{"format_version": "1"}`, "not a simulation"},
		"empty rows":   {strings.Replace(string(good), `"versions":[`, `"versions":[],"x":[`, 1), "the file is damaged"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "state.json")
			running := newServer(t, sandbox.Options{File: file})
			before := running.World()
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := sandbox.New(sandbox.Options{File: file})
			if other := strings.HasPrefix(test.want, "not a simulation"); errors.Is(err, sandbox.ErrNotSimulation) != other {
				t.Errorf("error %v is ErrForeign: %v", err, !other)
			}
			var trouble *sandbox.StateError
			if !errors.As(err, &trouble) || trouble.File != file || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			a := request(t, running, "GET", "/v2/users", "")
			if a.status != 500 || !strings.Contains(a.body, test.want) {
				t.Errorf("a running server: %d %s", a.status, a.body)
			}
			if err := running.Accept("ada@example.com"); !errors.As(err, &trouble) {
				t.Errorf("accept: %v", err)
			}
			if left, err := os.ReadFile(file); err != nil || string(left) != test.text {
				t.Errorf("the damaged file was overwritten: %v", err)
			}
			wantDiff(t, "the last world that was read", before, running.World())
			if err := running.Reset(); err != nil {
				t.Errorf("reset: %v", err)
			}
			if a := request(t, running, "GET", "/v2/users", ""); a.status != 200 {
				t.Errorf("after a reset: %d", a.status)
			}
		})
	}
}

func TestUnwritableStateFile(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "gone")
	s := newServer(t, sandbox.Options{File: filepath.Join(folder, "state.json")})
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	a := request(t, s, "POST", "/v2/invitation", inviteText("ada@example.com", "no"))
	if a.status != 500 || len(s.Mails()) != 0 {
		t.Errorf("%d, mails %v", a.status, s.Mails())
	}
}

// TestFailedWrite checks that a change has no effect if the file cannot be written.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	// The name is so long that a temporary file cannot be created beside it.
	short, long := filepath.Join(folder, "state.json"), filepath.Join(folder, strings.Repeat("x", 250))
	before := newServer(t, sandbox.Options{File: short}).World()
	if err := os.Rename(short, long); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, sandbox.Options{File: long})
	a := request(t, s, "POST", "/v2/invitation", inviteText("ada@example.com", "no"))
	if a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantDiff(t, "the world", before, s.World())
}

// TestTwoProcesses lets two servers change the same file at the same time. No change is lost, and no reader sees an
// incomplete file.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "state.json")
	const each = 40
	var group sync.WaitGroup
	for p := range 2 {
		s := newServer(t, sandbox.Options{File: file})
		group.Go(func() {
			for i := range each {
				a := rawRequest(s, "POST", "/v2/invitation", inviteText(fmt.Sprintf("p%d-%d@example.com", p, i), "no"), nil)
				if a.status != 201 {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
	reader := newServer(t, sandbox.Options{File: file})
	group.Go(func() {
		for range each {
			if a := rawRequest(reader, "GET", "/v2/invitation", "", nil); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	})
	group.Wait()
	if n := len(reader.World().Invitations); n != 2*each {
		t.Errorf("%d invitations, want %d", n, 2*each)
	}
	left, err := filepath.Glob(filepath.Join(folder, "*.tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestMustExist checks that a wrong file name does not create another simulation.
func TestMustExist(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "below", "state.json")
	if _, err := sandbox.New(sandbox.Options{File: file, MustExist: true}); !errors.Is(err, sandbox.ErrNoSimulation) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(filepath.Dir(file))); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	newServer(t, sandbox.Options{File: file})
	if _, err := sandbox.New(sandbox.Options{File: file, MustExist: true}); err != nil {
		t.Error(err)
	}
}
