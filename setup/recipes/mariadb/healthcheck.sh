#!/bin/bash
# Whether MariaDB takes connections: the only question of the official image's that is answered.
exec mariadb-admin --protocol=tcp --host=127.0.0.1 --connect-timeout=5 --user=nobody ping --silent
