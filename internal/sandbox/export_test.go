package sandbox

// AllAxisValues returns all values of all axes, except the documented ones, as key=value.
func AllAxisValues() []string {
	var pairs []string
	for _, a := range axes {
		for _, v := range a.values[1:] {
			pairs = append(pairs, a.key+"="+v)
		}
	}
	return pairs
}
