package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
)

var errNoGit = errors.New("git is not installed, or not in the PATH")

// objectID is what git calls an object, in SHA-1 and SHA-256 repositories.
var objectID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// readGitFiles reads the file, or the roster files of the folder, that spec names as REF:PATH in the repository of the
// working directory. It reads objects only: no hook, filter or other program of the repository is run.
func readGitFiles(ctx context.Context, spec string) ([]roster.File, error) {
	ref, path, found := strings.Cut(spec, ":")
	if !found || path == "" {
		return nil, errors.New("write it as git:REF:PATH, as in git:origin/main:users.yaml")
	}
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(path, unicode.IsControl) {
		return nil, errors.New("the path holds a control character")
	}
	if _, err := resolveObject(ctx, ref+"^{commit}"); err != nil {
		return nil, fmt.Errorf("find the commit %q: %w", ref, err)
	}
	id, err := resolveObject(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("find %q in %q: %w", path, ref, err)
	}
	kind, err := runGit(ctx, "cat-file", "-t", id)
	if err != nil {
		return nil, err
	}
	switch name := "git:" + spec; strings.TrimSpace(string(kind)) {
	case "blob":
		data, err := runGit(ctx, "cat-file", "blob", id)
		return []roster.File{{Name: name, Data: data}}, err
	case "tree":
		return readGitTree(ctx, name, id)
	}
	return nil, fmt.Errorf("%q is neither a file nor a folder", path)
}

// readGitTree reads what [roster.Load] would read of a folder, in the same order.
func readGitTree(ctx context.Context, name, tree string) ([]roster.File, error) {
	list, err := runGit(ctx, "ls-tree", "-r", "-z", tree)
	if err != nil {
		return nil, err
	}
	if len(list) > roster.MaxFile { // the end of the list is missing
		return nil, errors.New("the folder holds too many files")
	}
	type blob struct{ path, id string }
	var blobs []blob
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		// "<mode> <type> <id>\t<path>" (git-ls-tree(1), "Output Format").
		about, path, _ := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		steps := strings.Split(path, "/")
		if len(fields) != 3 || slices.ContainsFunc(steps, roster.IsHidden) {
			continue
		}
		base := steps[len(steps)-1]
		kind := roster.KindOfFile(base)
		plain := fields[0] == "100644" || fields[0] == "100755"
		switch {
		case fields[1] == "commit":
			return nil, fmt.Errorf("%q is another repository there (mode %s): those are not read in git",
				path, fields[0])
		case !plain && (kind == roster.RosterFile || !strings.Contains(base, ".")):
			// Without an ending it may lead to a folder.
			return nil, fmt.Errorf("%q is not a plain file there (mode %s): links are not followed in git",
				path, fields[0])
		case kind == roster.LookalikeFile:
			return nil, roster.LookalikeError(strconv.Quote(path))
		case plain && kind == roster.RosterFile:
			blobs = append(blobs, blob{path, fields[2]})
		}
	}
	if len(blobs) == 0 {
		return nil, errors.New("the folder holds no *.yaml or *.yml file")
	}
	// Git sorts a folder as if its name ended in a slash.
	slices.SortFunc(blobs, func(a, b blob) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	var files []roster.File
	for _, b := range blobs {
		data, err := runGit(ctx, "cat-file", "blob", b.id)
		if err != nil {
			return nil, err
		}
		files = append(files, roster.File{Name: strings.TrimSuffix(name, "/") + "/" + b.path, Data: data})
	}
	return files, nil
}

// checkRef refuses what cannot name a commit. Git gets it behind --end-of-options all the same.
func checkRef(ref string) error {
	switch {
	case ref == "":
		return errors.New("it names no commit: write it as git:REF:PATH, as in git:HEAD:users.yaml")
	case ref[0] == '-':
		return fmt.Errorf("%q begins with a dash, which no name of a commit does", ref)
	case strings.ContainsFunc(ref, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return fmt.Errorf("%q holds a space or a control character, which no name of a commit does", ref)
	}
	return nil
}

// resolveObject gives the id of the object that name names. It alone passes on what a person wrote.
func resolveObject(ctx context.Context, name string) (string, error) {
	out, err := runGit(ctx, "rev-parse", "--verify", "--end-of-options", name)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if !objectID.MatchString(id) {
		return "", fmt.Errorf("git answered %q, which is no object", report.Clean(id, 80))
	}
	return id, nil
}

// runGit runs runGit in the working directory and gives what it prints, up to what a roster file may have. The error is what
// runGit said.
func runGit(ctx context.Context, args ...string) ([]byte, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager", "--no-replace-objects"}, args...)...)
	// Without the network, without questions, and in words that can be looked up.
	cmd.Env = append(cmd.Environ(), "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limitedWriter{&stdout, roster.MaxFile + 1, stop}, &limitedWriter{&stderr, 4096, func() {}}
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errNoGit
	case stdout.Len() > roster.MaxFile: // roster.Parse says so
		return stdout.Bytes(), nil
	case err != nil:
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if said == "" {
			return nil, fmt.Errorf("git %s: %w", args[0], err)
		}
		return nil, errors.New("git says: " + strings.TrimPrefix(said, "fatal: "))
	}
	return stdout.Bytes(), nil
}

// limitedWriter keeps the first bytes that are written to it, and calls full with the first one that is too many.
type limitedWriter struct {
	to   io.Writer
	room int
	full func()
}

func (b *limitedWriter) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.room)]
	if _, err := b.to.Write(kept); err != nil {
		return 0, err
	}
	if b.room -= len(kept); len(kept) < len(p) {
		b.full()
	}
	return len(p), nil
}
