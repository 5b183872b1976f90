// Go's reverse proxy as a server, in front of the URL that the argument names. Writes its port, and serves
// until standard input ends. It reports failures as 502, as Go does without a handler of one's own.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	log.SetOutput(io.Discard)
	target, err := url.Parse(os.Args[1])
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, httputil.NewSingleHostReverseProxy(target))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	io.Copy(io.Discard, os.Stdin)
}
