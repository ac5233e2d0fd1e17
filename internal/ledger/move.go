package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orgsync/orgsync/internal/state"
)

// RetiredError says that a ledger is no longer used, because it has moved.
type RetiredError struct {
	// To is the new place, in the form of --state.
	To string
}

// Error returns a message with the new place.
func (e *RetiredError) Error() string {
	return fmt.Sprintf("this ledger is not used any more: it has moved to %.200s", e.To)
}

// CopyOptions are the options of [Copy].
type CopyOptions struct {
	// Organization is the id of the organization.
	Organization string
	// Holder describes this run to other runs. LockTimeout is how long to wait for each of the two locks.
	Holder      state.Holder
	LockTimeout time.Duration
	// RetireTo is the place of the target, in the form of --state. Copy writes it into the last line of the source.
	// With "", Copy does not change the source.
	RetireTo string
	// Now is the time of this line.
	Now time.Time
}

// ErrTargetDiffers says that the target has lines that the source does not have.
var ErrTargetDiffers = errors.New("the target has entries that the source does not have")

// Copy copies the lines of a ledger, and returns their number. During this time it has both leases. It reads the copy
// to compare it with the source. If the target has lines that the source does not have, the error is
// [ErrTargetDiffers], and nothing is copied.
func Copy(ctx context.Context, from, to state.Store, o CopyOptions) (lines int, err error) {
	source, err := from.Acquire(ctx, o.Holder, o.LockTimeout)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Release()) }()
	content := source.Content()
	whole := bytes.LastIndexByte(content, '\n') + 1
	switch last := content[whole:]; {
	case len(last) == 0:
	case isLine(last): // only its line end is missing
		content = append(slices.Clip(content), '\n')
	case isIncomplete(last):
		content = content[:whole]
	default:
		return 0, errors.New("the end of the ledger is damaged; 'orgsync apply' repairs it and keeps a copy")
	}
	if _, err := parseContent(content, o.Organization, func(Entry) {}); err != nil {
		return 0, err
	}
	target, err := to.Acquire(ctx, o.Holder, o.LockTimeout)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, target.Release()) }()
	_, err = parseContent(target.Content(), o.Organization, func(Entry) {})
	if moved, ok := errors.AsType[*RetiredError](err); ok {
		return 0, &state.Problem{
			Err: fmt.Errorf("the ledger in the target has moved to %.200s", moved.To),
			Advice: "copy to an empty place; or, to copy the ledger back to the target, first move the old ledger out of the " +
				"target",
		}
	}
	if err != nil {
		return 0, fmt.Errorf("the target: %w", err)
	}
	present := target.Content()
	if !bytes.HasPrefix(content, present) {
		return 0, ErrTargetDiffers
	}
	switch rest := content[len(present):]; {
	case len(rest) == 0:
	case len(present) > 0 && present[len(present)-1] == '\n':
		err = target.Append(rest)
	default: // present is empty or ends inside a line; if Replace is interrupted, it leaves no half copy
		err = target.Replace(content)
	}
	if err != nil {
		return 0, err
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

// retire adds a line with the new place to the source, and reads the source to check this line. content has the
// complete lines of the source.
func retire(ctx context.Context, from state.Store, source state.Lease, content []byte, o CopyOptions) error {
	if !bytes.Equal(content, source.Content()) {
		if err := source.Replace(content); err != nil { // the new line must not continue an incomplete one
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
	return cmp.Or(err, errors.New("the ledger was copied, but the source has no last line that names the "+
		"new place: remove the source"))
}
