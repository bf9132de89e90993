// Command screenshots has Chromium take pictures of the status page into a folder:
// a healthy and a broken instance, light, dark and on a phone.
//
//	screenshots DIR
package main

import (
	"fmt"
	"os"

	"agentctl/internal/pagetest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: screenshots DIR")
		os.Exit(2)
	}
	for _, s := range pagetest.Shots() {
		if err := pagetest.Take(s, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "screenshots:", err)
			os.Exit(1)
		}
	}
}
