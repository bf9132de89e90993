package diagnosis

// hostRules judge what the machine itself lacks, and what the last patch run says.
func hostRules() []func(*view) {
	return nil
}

// hostEntries are the catalogue's entries of the block.
func hostEntries() []Entry {
	return []Entry{
		{"host-unprivileged", BlockHost, "info", "Run without the rights to read everything", "Some of the SSM Agent's files may be read by root only.", "What could not be read is listed.", "Run as root.", "agentctl", nil},
	}
}
