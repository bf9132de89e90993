// Command screenshots has Chromium take pictures of the status page into a folder:
// a healthy and a broken instance, light, dark and on a phone.
//
//	screenshots [DIR]
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"agentctl/internal/pagetest"
)

func main() {
	dir := filepath.Join("docs", "img")
	switch len(os.Args) {
	case 1:
	case 2:
		dir = os.Args[1]
	default:
		fmt.Fprintln(os.Stderr, "usage: screenshots [DIR]")
		os.Exit(2)
	}
	for _, s := range pagetest.Shots() {
		if err := pagetest.Take(s, dir); err != nil {
			fmt.Fprintln(os.Stderr, "screenshots:", err)
			os.Exit(1)
		}
	}
}
