/* The lower bound: a static C program that reads a loose file and ends. */

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char content[4096];
    int file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
    return file >= 0 && read(file, content, sizeof content) > 0 ? 0 : 1;
}
