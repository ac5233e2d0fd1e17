package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// RetiredError says that a ledger is not used any more, because it has moved.
type RetiredError struct {
	// To is where it has moved to, as in --state.
	To string
}

// Error names the new place.
func (e *RetiredError) Error() string {
	return fmt.Sprintf("this ledger is not used any more: it has moved to %.200s", e.To)
}

// CopyOptions say how [Copy] copies.
type CopyOptions struct {
	// Organization is whose ledger it is.
	Organization string
	// Holder is what other runs are told about this one, LockTimeout how long to wait for each lock.
	Holder      state.Holder
	LockTimeout time.Duration
	// RetireTo ends the source with a line that names the target, as in --state; "" leaves it as it is.
	RetireTo string
	// Now is the time of that line.
	Now time.Time
}

// ErrTargetDiffers says that the target has lines that the source lacks.
var ErrTargetDiffers = errors.New("the target has entries that the source lacks")

// Copy copies a ledger as it is, line by line, while it holds both leases, reads what it wrote, and
// returns the number of lines. The error is [ErrTargetDiffers] if lines of the target would be lost.
func Copy(ctx context.Context, from, to state.Store, o CopyOptions) (lines int, err error) {
	source, err := from.Acquire(ctx, o.Holder, o.LockTimeout)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Release()) }()
	content := source.Content()
	content = content[:bytes.LastIndexByte(content, '\n')+1] // without a line that a power cut left incomplete
	if _, err := parseContent(content, o.Organization, func(Entry) {}); err != nil {
		return 0, err
	}
	target, err := to.Acquire(ctx, o.Holder, o.LockTimeout)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, target.Release()) }()
	if !isPrefix(target.Content(), content) {
		return 0, ErrTargetDiffers
	}
	if rest := content[len(target.Content()):]; len(rest) > 0 {
		if err := target.Append(rest); err != nil {
			return 0, err
		}
	}
	written, err := to.Read(ctx)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(written, content) {
		return 0, errors.New("the copy differs from the source")
	}
	if o.RetireTo != "" {
		if err := retire(ctx, from, source, content, o); err != nil {
			return 0, err
		}
	}
	return bytes.Count(content, []byte{'\n'}), nil
}

// retire ends the source, whose whole lines are content, with a line that names the new place, and makes sure that it
// can be read.
func retire(ctx context.Context, from state.Store, source state.Lease, content []byte, o CopyOptions) error {
	if len(content) < len(source.Content()) {
		if err := source.Replace(content); err != nil { // an incomplete line would swallow the one that is appended
			return err
		}
	}
	line := Entry{
		Version: retiredVersion, Organization: o.Organization, Run: rand.Text(), Time: o.Now.UTC(), Action: Retired,
		Object: o.RetireTo, Number: 1,
	}
	if err := source.Append(line.appendLine(nil)); err != nil {
		return err
	}
	_, _, err := Read(ctx, from, o.Organization)
	if _, retired := errors.AsType[*RetiredError](err); retired {
		return nil
	}
	return cmp.Or(err, errors.New("the source is copied, but it does not say that it has moved: remove it"))
}

// isPrefix reports whether content begins with the whole lines of start.
func isPrefix(start, content []byte) bool {
	return bytes.HasPrefix(content, start) && (len(start) == 0 || start[len(start)-1] == '\n')
}
