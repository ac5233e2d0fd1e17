package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orgsync/orgsync/internal/plan"
)

// maxPlanFile bounds a saved plan, in bytes: room for a change of each of 200,000 people.
const maxPlanFile = 128 << 20

// errNotPlan says that a file is there which is no plan, such as the roster.
var errNotPlan = errors.New("it holds something else than a plan; remove it, or name another file")

// errNotRegular says that something is there which a file must not take the place of, such as /dev/null.
var errNotRegular = errors.New("it is no regular file")

// planFileError is a saved plan that cannot be read.
type planFileError struct {
	file string
	err  error
}

func (e *planFileError) Error() string {
	return fmt.Sprintf("read the plan file %s: %v", e.file, e.err)
}
func (e *planFileError) Unwrap() error { return e.err }

// savePlan writes p to file, as a whole or not at all. It is for nobody else's eyes: it holds addresses.
func savePlan(file string, p plan.Plan) error {
	data, err := p.Save()
	if err == nil {
		err = checkReplaceable(file)
	}
	if err == nil {
		err = checkMayBePlan(file)
	}
	if err == nil {
		err = replaceFile(file, data)
	}
	if err != nil {
		return withStep(stepSavePlan, fmt.Errorf("save the plan in %s: %w", file, err))
	}
	return nil
}

// checkReplaceable is errNoFile for what a file must not take the place of, and nil for a file or nothing.
func checkReplaceable(file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return errNotRegular
	}
	return nil
}

// checkMayBePlan is errNoPlan for a file that no plan can be, and nil for one that may be a plan, is empty or is not there.
func checkMayBePlan(file string) error {
	begin, err := readUpTo(file, 1)
	if err == nil && len(begin) > 0 && begin[0] != '{' {
		return errNotPlan
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replaceFile makes file a new one, of mode 0600 and this user's, whatever the one before was: renameio's maybe.WriteFile
// would hand down its mode.
func replaceFile(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// savedPlan is the plan that apply was given; nil when it was given none.
func (a *app) savedPlan(ctx context.Context) (*plan.Saved, error) {
	if a.planFile == "" {
		return nil, nil
	}
	data, err := interruptible(ctx, "read the plan file", func() ([]byte, error) { return readPlanFile(a.planFile) })
	if err != nil {
		return nil, &planFileError{a.planFile, err}
	}
	saved, err := plan.ReadSaved(data)
	if err != nil {
		return nil, &planFileError{a.planFile, err}
	}
	return &saved, nil
}

func readPlanFile(file string) ([]byte, error) {
	data, err := readUpTo(file, maxPlanFile+1)
	if at, ok := errors.AsType[*os.PathError](err); ok {
		err = at.Err // which file it is stands before
	}
	if err == nil && len(data) > maxPlanFile {
		err = fmt.Errorf("it is larger than %d MiB", maxPlanFile>>20)
	}
	return data, err
}

// readUpTo reads the first bytes of a file, at most that many.
func readUpTo(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
