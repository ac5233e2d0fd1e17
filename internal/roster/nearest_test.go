package roster

import "testing"

func TestFind(t *testing.T) {
	t.Parallel()
	r, err := parse("users.yaml", []byte("users:\n  - email: ada@example.com\n    aliases: [Ada@Home.example]\n  - "+
		"email: bob@example.com\n"))
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]string{
		"ada@example.com": "ada@example.com", "ADA@home.EXAMPLE": "ada@example.com", "bob@example.com": "bob@example.com",
		"cy@example.com": "",
	} {
		got := ""
		if p := r.Find(address(who)); p != nil {
			got = p.Email.String()
		}
		if got != want {
			t.Errorf("Find(%s) = %q, want %q", who, got, want)
		}
	}
	for who, want := range map[string]string{
		"bbo@example.com": "bob@example.com", "ada@home.exampel": "Ada@Home.example", "somebody@else.example": "",
	} {
		if got := r.Nearest(address(who)); got != want {
			t.Errorf("Nearest(%s) = %q, want %q", who, got, want)
		}
	}
}
