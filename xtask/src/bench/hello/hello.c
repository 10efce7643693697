#include <stdio.h>

int main(void) {
    return fputs("Content-Type: text/plain\r\n\r\nhello\n", stdout) < 0;
}
