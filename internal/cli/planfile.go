package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/wholefile"
)

// maxPlanFile is the maximum size of a saved plan, in bytes. It is enough for changes to 200,000
// people.
const maxPlanFile = 128 << 20

// errNotPlan says that an existing file is not a plan, but for example a roster.
var errNotPlan = errors.New("the file is not a plan")

// errNotRegular says that a path must not be replaced by a file, because it is for example
// /dev/null.
var errNotRegular = errors.New("it is not a regular file")

// planFileError says that a saved plan cannot be read.
type planFileError struct {
	file string
	err  error
}

func (e *planFileError) Error() string {
	return fmt.Sprintf("read the plan file %s: %v", e.file, e.err)
}
func (e *planFileError) Unwrap() error { return e.err }

// savePlan writes p to file. If that fails, the old file stays as it was. Only this user may read the
// new file, because it contains addresses.
func savePlan(file string, p plan.Plan) error {
	data, err := p.Save()
	if err == nil {
		err = checkReplaceable(file)
	}
	if err == nil {
		err = checkIsPlan(file)
	}
	if err == nil {
		err = wholefile.Replace(file, data, 0o600)
	}
	if err != nil {
		return withStep(stepSavePlan, fmt.Errorf("save the plan in %s: %w", file, err))
	}
	return nil
}

// checkReplaceable returns errNotRegular if file exists and is not a regular file.
func checkReplaceable(file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return errNotRegular
	}
	return nil
}

// checkIsPlan returns errNotPlan if file is not a saved plan, but for example a ledger, a simulation or a
// roster that is written as JSON. A file that is empty or does not exist is no error. A plan that
// another version saved, or that somebody edited, is a plan here: it may be replaced.
func checkIsPlan(file string) error {
	data, err := readUpTo(file, maxPlanFile+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || len(data) == 0:
		return err
	case len(data) > maxPlanFile:
		return errNotPlan
	}
	var saved struct {
		FormatVersion string    `json:"format_version"`
		Fingerprint   string    `json:"fingerprint"`
		Made          time.Time `json:"made_at"`
	}
	if json.Unmarshal(data, &saved) != nil || saved.FormatVersion == "" || saved.Fingerprint == "" || saved.Made.IsZero() {
		return errNotPlan
	}
	return nil
}

// savedPlan reads the PLANFILE of apply; it returns nil if there is none.
func (a *app) savedPlan(ctx context.Context) (*plan.Saved, error) {
	if a.planFile == "" {
		return nil, nil
	}
	data, err := interruptible(ctx, "read the plan file", func() ([]byte, error) { return readPlanFile(a.planFile) })
	if err != nil {
		return nil, &planFileError{a.planFile, err}
	}
	if len(data) > 0 && data[0] != '{' {
		return nil, &planFileError{a.planFile, errors.New("it is not a plan that was saved with --out")}
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
		err = at.Err // planFileError names the file already
	}
	if err == nil && len(data) > maxPlanFile {
		err = fmt.Errorf("it is larger than %d MiB", maxPlanFile>>20)
	}
	return data, err
}

// readUpTo reads the first limit bytes of a file, or fewer if the file is smaller.
func readUpTo(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
