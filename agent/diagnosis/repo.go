package diagnosis

// repoRules judge the package repositories.
func repoRules() []func(*view) {
	return nil
}

// repoEntries are the catalogue's entries of the block.
func repoEntries() []Entry {
	return nil
}
