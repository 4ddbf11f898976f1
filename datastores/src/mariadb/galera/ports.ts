/** Where the members' servers hear each other, and where one gets what the others remember. */
export const GROUP_PORT = 4567;
export const CATCH_UP_PORT = 4568;
