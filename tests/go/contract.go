// Reads the URL of a database, and runs the check of docs/contract.md on it.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	_ "github.com/lib/pq"

	"contract"
)

func main() {
	db, err := sql.Open("postgres", os.Args[1])
	if err == nil {
		err = contract.Check(context.Background(), db)
	}
	if err != nil {
		fmt.Println("stop:", err)
	}
}
