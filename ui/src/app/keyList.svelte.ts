// The list of keys: `?` opens it, and the menu of this machine. It is drawn once, in the frame.
let open = $state(false);

export const keyList = {
  get open(): boolean {
    return open;
  },
  show(): void {
    open = true;
  },
  close(): void {
    open = false;
  },
};
