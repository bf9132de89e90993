package platform

func (m *machine) machineStore() (TrustStore, error) { return m.fileStore() }
