package rptest

// FindCase finds a case of the catalogue by its ID.
func FindCase(id string) (Case, bool) {
	for _, c := range Catalogue() {
		if c.ID == id {
			return c, true
		}
	}
	return Case{}, false
}

// Catalogue lists every case, in the order of the standard's steps.
func Catalogue() []Case {
	return nil
}
