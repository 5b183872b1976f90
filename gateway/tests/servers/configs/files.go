// A server of a folder, by net/http's FileServer. It writes its port, and ends with its standard input.
//
// With the word `suites`, it is what the lines of files/suites/go.jsonl are about too: below /tag/ and /weak/, a file
// has a tag, and below /only/, every path is one file.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	root := os.Args[1]
	files := http.FileServer(http.Dir(root))
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if len(os.Args) > 2 {
			path := request.URL.Path
			for prefix, tag := range map[string]string{"/tag/": `"tag"`, "/weak/": `W/"tag"`} {
				if strings.HasPrefix(path, prefix) {
					content(writer, request, filepath.Join(root, path[len(prefix):]), tag)
					return
				}
			}
			if strings.HasPrefix(path, "/only/") {
				http.ServeFile(writer, request, filepath.Join(root, "eleven.txt"))
				return
			}
		}
		files.ServeHTTP(writer, request)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(listener, handler))
}

// content serves a file of which the application knows the tag.
func content(writer http.ResponseWriter, request *http.Request, path, tag string) {
	file, err := os.Open(path)
	if err != nil {
		http.NotFound(writer, request)
		return
	}
	defer file.Close()
	state, err := file.Stat()
	if err != nil {
		panic(err)
	}
	writer.Header().Set("ETag", tag)
	http.ServeContent(writer, request, filepath.Base(path), state.ModTime(), file)
}
