/* Starts processes: starter COUNT PER_SECOND (0: as fast as it can). Each executes this file again
   as "starter child NUMBER" and exits with NUMBER % 256. Prints the seconds it took. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  if (count == 3 && !strcmp(arguments[1], "child")) return atoi(arguments[2]) % 256;
  if (count != 3) return 2;
  long total = atol(arguments[1]);
  double each = atol(arguments[2]) ? 1.0 / atol(arguments[2]) : 0, begun = now();
  for (long number = 0; number < total; number++) {
    char text[24];
    snprintf(text, sizeof text, "%ld", number);
    pid_t child = vfork();
    if (!child) {
      execl("/starter", "starter", "child", text, (char *)0);
      _exit(127);
    }
    waitpid(child, 0, 0);
    double ahead = begun + each * (number + 1) - now();
    if (ahead > 0) {
      struct timespec rest = {(time_t)ahead, (long)((ahead - (time_t)ahead) * 1e9)};
      nanosleep(&rest, 0);
    }
  }
  printf("%.6f\n", now() - begun);
  return 0;
}
