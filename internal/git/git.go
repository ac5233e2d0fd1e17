// Package git reads roster files from the commits of a repository.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	pathpkg "path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/roster"
)

// ErrNotInstalled means that there is no program git.
var ErrNotInstalled = errors.New("git is not installed, or not in the PATH")

// errNoObject means that the repository has no object of a name.
var errNoObject = errors.New("the repository has no such object")

// ReadFiles returns the file that spec names or, if spec names a folder, the roster files in it. spec
// has the form REF:PATH, for the repository of the working directory. ReadFiles only reads objects: it
// does not run hooks, filters or other programs of the repository.
func ReadFiles(ctx context.Context, spec string) ([]roster.File, error) {
	ref, path, found := strings.Cut(spec, ":")
	if !found || path == "" {
		return nil, errors.New("must be git:REF:PATH, as in git:origin/main:users.yaml")
	}
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(path, unicode.IsControl) {
		return nil, errors.New("the path contains a control character")
	}
	switch _, err := resolveObject(ctx, ref+"^{commit}"); {
	case errors.Is(err, errNoObject):
		return nil, fmt.Errorf("the repository has no commit %q", ref)
	case err != nil:
		return nil, fmt.Errorf("find the commit %q: %w", ref, err)
	}
	id, err := resolveObject(ctx, spec)
	switch {
	case errors.Is(err, errNoObject) && isRelative(path):
		return nil, fmt.Errorf("%q has no file or folder %q", ref, path)
	case errors.Is(err, errNoObject):
		return nil, fmt.Errorf("%q has no file or folder %q: the path starts at the top of the repository; "+
			"a path with ./ starts at the working directory", ref, path)
	case err != nil:
		return nil, fmt.Errorf("find %q in %q: %w", path, ref, err)
	}
	kind, err := run(ctx, "cat-file", "-t", id)
	if err != nil {
		return nil, err
	}
	switch name := "git:" + spec; strings.TrimSpace(string(kind)) {
	case "blob":
		if isLink(ctx, ref, path) {
			return nil, errLink(path, linkMode)
		}
		data, err := run(ctx, "cat-file", "blob", id)
		return []roster.File{{Name: name, Data: data}}, err
	case "tree":
		return readTree(ctx, name, id, func(link, target string) bool { return isFile(ctx, ref, path, link, target) })
	}
	return nil, fmt.Errorf("%q is neither a file nor a folder", path)
}

// readTree returns the files that [roster.Load] would read from the folder tree, in the same order.
// name is the name of the folder in the names of the files. isFile reports whether a link of the
// folder leads to a file.
func readTree(ctx context.Context, name, tree string, isFile func(link, target string) bool) ([]roster.File, error) {
	// Without --full-tree, git lists only what is below the path of the working directory.
	list, err := run(ctx, "ls-tree", "--full-tree", "-r", "-z", tree)
	if err != nil {
		return nil, err
	}
	if len(list) > roster.MaxFile { // run cut the list off
		return nil, errors.New("the folder has too many files")
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
		folders, base := steps[:len(steps)-1], steps[len(steps)-1]
		for i, folder := range folders {
			if is, _ := roster.IsRoster(folder, folder); is {
				return nil, fmt.Errorf("%q is a folder: give it a name that does not end in .yaml or .yml",
					strings.Join(steps[:i+1], "/"))
			}
		}
		isRoster, err := roster.IsRoster(base, strconv.Quote(path))
		plain := fields[0] == "100644" || fields[0] == "100755"
		switch {
		case fields[1] == "commit":
			return nil, fmt.Errorf("%q is a submodule (mode %s): orgsync does not read submodules",
				path, fields[0])
		case !plain && isRoster:
			return nil, errLink(path, fields[0])
		case err != nil:
			return nil, err
		case fields[0] == linkMode: // roster.Load would read the folder behind a link
			if target, err := run(ctx, "cat-file", "blob", fields[2]); err != nil || !isFile(path, string(target)) {
				return nil, errLink(path, linkMode)
			}
		case plain && isRoster:
			blobs = append(blobs, blob{path, fields[2]})
		}
	}
	if len(blobs) == 0 {
		return nil, errors.New("the folder has no *.yaml or *.yml file")
	}
	// Git sorts a folder as if its name ended in a slash.
	slices.SortFunc(blobs, func(a, b blob) int {
		return slices.Compare(strings.Split(a.path, "/"), strings.Split(b.path, "/"))
	})
	var files []roster.File
	for _, b := range blobs {
		data, err := run(ctx, "cat-file", "blob", b.id)
		if err != nil {
			return nil, err
		}
		files = append(files, roster.File{Name: strings.TrimSuffix(name, "/") + "/" + b.path, Data: data})
	}
	return files, nil
}

// isRelative reports whether path starts at the working directory. Other paths start at the top of the repository.
func isRelative(path string) bool {
	return strings.HasPrefix(path, "./") || strings.HasPrefix(path, "../")
}

// linkMode is the mode of a symbolic link (git-fast-import(1), filemodify).
const linkMode = "120000"

func errLink(path, mode string) error {
	return fmt.Errorf("%q is not a plain file (mode %s): orgsync does not follow links in git", path, mode)
}

// isLink reports whether path is a symbolic link in the commit ref.
func isLink(ctx context.Context, ref, path string) bool {
	args := []string{"ls-tree", "-z"}
	if !isRelative(path) {
		args = append(args, "--full-tree")
	}
	entry, err := run(ctx, append(args, ref, "--", path)...)
	return err == nil && strings.HasPrefix(string(entry), linkMode+" ")
}

// isFile reports whether the target of a link is a file in the commit ref. link is the path of the link in folder.
func isFile(ctx context.Context, ref, folder, link, target string) bool {
	if isRelative(folder) {
		prefix, err := run(ctx, "rev-parse", "--show-prefix")
		if err != nil {
			return false
		}
		folder = strings.TrimSuffix(string(prefix), "\n") + folder
	}
	path := pathpkg.Join(folder, pathpkg.Dir(link), target)
	if pathpkg.IsAbs(target) || isRelative(path) { // outside the repository
		return false
	}
	kind, err := run(ctx, "cat-file", "-t", ref+":"+path)
	return err == nil && strings.TrimSpace(string(kind)) == "blob" && !isLink(ctx, ref, path)
}

// checkRef returns an error if ref cannot name a commit. It makes sure that git does not read ref as an
// option. --end-of-options in resolveObject is a second guard.
func checkRef(ref string) error {
	switch {
	case ref == "":
		return errors.New("it has no commit: must be git:REF:PATH, as in git:HEAD:users.yaml")
	case ref[0] == '-':
		return fmt.Errorf("%q begins with a dash, so it cannot name a commit", ref)
	case strings.ContainsFunc(ref, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return fmt.Errorf("%q contains a space or a control character, so it cannot name a commit", ref)
	}
	return nil
}

// resolveObject returns the id of the object that name names, or [errNoObject]. Only this function
// passes text from the user to git.
func resolveObject(ctx context.Context, name string) (string, error) {
	// With --quiet, git says nothing if there is no such object, and exits with 1. It still reports other
	// errors, with another exit code.
	out, err := run(ctx, "rev-parse", "--quiet", "--verify", "--end-of-options", name)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return "", errNoObject
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	// An id has 40 hexadecimal digits in a SHA-1 repository, and 64 in a SHA-256 repository.
	if len(id) < 40 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("git answered %q, which is not an object id", printable.Clean(id, 80))
	}
	return id, nil
}

// run runs git in the working directory and returns its output. It cuts the output off one byte after
// the maximum size of a roster file. The error has the message of git.
func run(ctx context.Context, args ...string) ([]byte, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager", "--no-replace-objects"}, args...)...)
	// These variables prevent network access and prompts, and make messages English, so that people can
	// search for them.
	cmd.Env = append(cmd.Environ(), "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limitedWriter{&stdout, roster.MaxFile + 1, stop}, &limitedWriter{&stderr, 4096, func() {}}
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, ErrNotInstalled
	case stdout.Len() > roster.MaxFile: // no error here: roster.Parse returns one for a file of this size
		return stdout.Bytes(), nil
	case err != nil:
		message, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if message == "" {
			return nil, fmt.Errorf("git %s: %w", args[0], err)
		}
		return nil, errors.New("git says: " + strings.TrimPrefix(message, "fatal: "))
	}
	return stdout.Bytes(), nil
}

// limitedWriter writes the first bytes to a buffer, as long as there is room, and drops the others. It
// calls overflow when it drops bytes.
type limitedWriter struct {
	to       *bytes.Buffer
	room     int // in bytes
	overflow func()
}

func (b *limitedWriter) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.room)]
	b.to.Write(kept)
	if b.room -= len(kept); len(kept) < len(p) {
		b.overflow()
	}
	return len(p), nil
}
