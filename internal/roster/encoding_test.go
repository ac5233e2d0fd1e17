package roster

import "testing"

func TestInvisible(t *testing.T) {
	t.Parallel()
	for _, r := range []rune{
		0, '\n', '\r', '\t', 0x1b, 0x7f, 0x80, 0x85, 0x9f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e,
		0x2066, 0x2067, 0x2068, 0x2069, 0xfeff, 0xfffe, 0xffff,
	} {
		if !isInvisible(r) {
			t.Errorf("%U counts as visible", r)
		}
	}
	// Some names need joiners and direction marks.
	for _, r := range []rune{' ', '~', 0xa0, 'é', 0x200c, 0x200d, 0x200e, 0x200f, '例', 0x1f642} {
		if isInvisible(r) {
			t.Errorf("%U counts as invisible", r)
		}
	}
}
