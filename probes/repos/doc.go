// Package repos reads the package managers' configuration as they read it
// themselves, and asks each enabled repository for the document that proves it,
// with the repository's own proxy, authorities, certificate and credentials. It
// runs no package manager and no plugin.
package repos
