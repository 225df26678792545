// Hash and verify as the Go backend does, for tests/accounts/test_passwords.py:
//
//	bcrypt hash COST PASSWORD    prints the hash
//	bcrypt verify HASH PASSWORD  exits with 0 if they belong together
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

func main() {
	password := []byte(os.Args[3])
	if os.Args[1] == "verify" {
		if err := bcrypt.CompareHashAndPassword([]byte(os.Args[2]), password); err != nil {
			log.Fatal(err)
		}
		return
	}
	cost, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword(password, cost)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(hash))
}
