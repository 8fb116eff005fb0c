/** The folder in which fabric keeps what it needs on a host: root's alone, 0700. */
export const STATE = '/var/lib/fabric';
